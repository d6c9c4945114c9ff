"""What every sandbox promises, in the staff's languages, and how to mend what doesn't hold."""

from __future__ import annotations

from dataclasses import dataclass

from curriculum.bilingual import Text


@dataclass(frozen=True)
class Promise:
    """What a sandbox promises, and what an operator does when it doesn't hold."""

    title: Text
    mend: Text
    trusted_can_do_without: bool = False


PROMISES = {
    "network": Promise(
        Text(
            "No network: no socket but local ones, no interface but lo",
            "没有网络：只能建本地套接字，只有 lo 接口",
        ),
        Text(
            'Docker: is the container\'s network "none"? Any: is the system call filter in place?',
            "Docker：检查容器网络是否为 none；其他：检查系统调用过滤器是否生效。",
        ),
    ),
    "privileges": Promise(
        Text("No capability, and none to be had", "没有任何权能，也无法获得"),
        Text(
            "Is the engine or bwrap started with options of its own? Compare docs/security.md.",
            "检查容器引擎或 bwrap 是否带有额外选项，对照 docs/security.md。",
        ),
    ),
    "filter": Promise(
        Text("A system call filter", "系统调用过滤器"),
        Text(
            "The kernel needs CONFIG_SECCOMP_FILTER; with runsc add --oci-seccomp.",
            "内核需要 CONFIG_SECCOMP_FILTER；使用 runsc 时加上 --oci-seccomp。",
        ),
    ),
    "outer_user": Promise(
        Text("Not the host's root, seen from outside", "从外部看不是主机的 root"),
        Text(
            "A worker started by root drops to users of its own: don't start bwrap or the engine's "
            "containers with another user.",
            "由 root 启动的 worker 会降为专用用户：不要用其他用户启动 bwrap 或容器。",
        ),
    ),
    "namespaces": Promise(
        Text("No new user namespace", "不能新建用户命名空间"),
        Text(
            "bubblewrap 0.8 or newer is needed for --disable-userns.",
            "需要 bubblewrap 0.8 以上（--disable-userns）。",
        ),
    ),
    "read_only": Promise(
        Text("Nothing can be written but scratch space", "除临时空间外都不可写"),
        Text(
            "Docker: ReadonlyRootfs must be true. Any: is a volume mounted that shouldn't be?",
            "Docker：ReadonlyRootfs 必须为 true；其他：检查是否挂载了不该有的卷。",
        ),
    ),
    "secrets": Promise(
        Text("No file, variable or descriptor of the host", "看不到主机的文件、变量和描述符"),
        Text(
            "Is the runtime tree or the image of another origin? Remove it, it is made anew.",
            "运行时目录或镜像可能来源不对：删除后重新生成。",
        ),
    ),
    "scratch": Promise(
        Text("Scratch space is bounded", "临时空间有上限"),
        Text("The size of /tmp must be given by tmpfs.", "/tmp 必须是限定大小的 tmpfs。"),
    ),
    "memory": Promise(
        Text("The memory limit holds for each process", "内存上限对每个进程有效"),
        Text(
            "RLIMIT_AS can't be set: may the worker change its sandboxes' limits?",
            "无法设置 RLIMIT_AS：检查 worker 是否有权更改沙箱限制。",
        ),
    ),
    "all_memory": Promise(
        Text("The memory limit holds for all memory", "内存上限对全部内存有效"),
        Text(
            "Start the worker as root, or delegate a control group with the memory and pids "
            "controllers to it (systemd: Delegate=yes), or use SANDBOX_BACKEND=docker. Until then: "
            "for trusted learners only.",
            "以 root 启动 worker，或委派带 memory 与 pids 控制器的控制组（systemd：Delegate=yes），"
            "或使用 SANDBOX_BACKEND=docker。在此之前：仅限可信的学习者。",
        ),
        trusted_can_do_without=True,
    ),
    "processes": Promise(
        Text("The number of processes is bounded", "进程数有上限"),
        Text(
            "As for memory: a control group with the pids controller.",
            "同内存：需要带 pids 控制器的控制组。",
        ),
        trusted_can_do_without=True,
    ),
    "output": Promise(
        Text("Output is bounded", "输出有上限"),
        Text("RLIMIT_FSIZE can't be set in the sandbox.", "沙箱内无法设置 RLIMIT_FSIZE。"),
    ),
    "survivors": Promise(
        Text("Nothing survives the end of a sandbox", "沙箱结束后没有残留进程"),
        Text(
            "Are processes in a namespace of their own (CONFIG_PID_NS)?",
            "检查进程命名空间是否生效（CONFIG_PID_NS）。",
        ),
    ),
    "runtime": Promise(
        Text("The runtime is the one that was asked for", "运行时与所要求的一致"),
        Text(
            "SANDBOX_DOCKER_RUNTIME=runsc needs gVisor as a runtime of the engine "
            "(`runsc install`, then restart it).",
            "SANDBOX_DOCKER_RUNTIME=runsc 需要在引擎中注册 gVisor（runsc install，然后重启引擎）。",
        ),
    ),
    "gpus": Promise(
        Text("No GPU but the worker's own", "除本 worker 的 GPU 外没有其他 GPU"),
        Text(
            "None was asked for: is the NVIDIA runtime the engine's default? Set default-runtime "
            "to runc. One was (SANDBOX_GPU): is the NVIDIA container toolkit installed, and torch "
            "a CUDA build?",
            "未申请 GPU：检查 NVIDIA 是否为引擎默认运行时，应设为 runc。已申请（SANDBOX_GPU）："
            "检查是否安装了 NVIDIA container toolkit，torch 是否为 CUDA 版。",
        ),
    ),
}
