// <split-handle>: the bar between statement and editor. Pointer, arrow keys, Home and End.
const LEAST = 25;
const MOST = 70;
const USUAL = 44;
const KEY = "split";

class SplitHandle extends HTMLElement {
  connectedCallback() {
    this.tabIndex = 0;
    this.setAttribute("role", "separator");
    this.setAttribute("aria-orientation", "vertical");
    this.setAttribute("aria-valuemin", LEAST);
    this.setAttribute("aria-valuemax", MOST);
    this.#set(Number(localStorage.getItem(KEY)) || USUAL);
    this.addEventListener("keydown", this.#key);
    this.addEventListener("dblclick", () => this.#set(USUAL));
    this.addEventListener("pointerdown", this.#grab);
  }

  get #value() {
    return Number(this.getAttribute("aria-valuenow"));
  }

  #set(percent) {
    const value = Math.round(Math.min(MOST, Math.max(LEAST, percent)));
    this.parentElement.style.setProperty("--split", `${value}%`);
    this.setAttribute("aria-valuenow", value);
    localStorage.setItem(KEY, value);
  }

  #key = (event) => {
    const target = {
      ArrowLeft: this.#value - 2,
      ArrowRight: this.#value + 2,
      Home: LEAST,
      End: MOST,
    }[event.key];
    if (target === undefined) return;
    event.preventDefault();
    this.#set(target);
  };

  #grab = (event) => {
    event.preventDefault();
    this.setPointerCapture(event.pointerId);
    const box = this.parentElement.getBoundingClientRect();
    const move = ({ clientX }) => this.#set(((clientX - box.left) / box.width) * 100);
    this.addEventListener("pointermove", move);
    this.addEventListener("lostpointercapture", () => this.removeEventListener("pointermove", move), {
      once: true,
    });
  };
}

customElements.define("split-handle", SplitHandle);
