// Keeps what is typed: on this device at once, on the server a little later. The server counts
// revisions; when another device has saved in between, the learner chooses, and nothing is lost.
const LOCAL_MS = 500;
const SERVER_MS = 3000;
const KEEPALIVE_CHARACTERS = 16_000;

export class Autosave {
  #localTimer;
  #serverTimer;
  #sending = false;
  #again = false;

  /**
   * @param {object} editor has `text`
   * @param {{url: string, key: string, guestKey: string, revision: number, csrf: string}} where
   *   without `url` (nobody is signed in) everything stays on this device
   * @param {(state: string, detail?: object) => void} tell "saving" | "saved" | "device" | "conflict"
   */
  constructor(editor, where, tell) {
    this.editor = editor;
    this.where = where;
    this.revision = where.revision;
    this.tell = tell;
    this.savedText = editor.text;
    this.conflict = false;
    // On iOS and when a tab is closed, "pagehide" and "hidden" are the last events one can trust.
    addEventListener("pagehide", () => this.flush());
    document.addEventListener("visibilitychange", () => document.hidden && this.flush());
    addEventListener("online", () => this.#send());
  }

  /** What this device kept and the server never got, or null. */
  recover() {
    const kept = this.#read(this.where.key) ?? this.#read(this.where.guestKey);
    if (!kept || kept.text === this.editor.text) return null;
    return { text: kept.text, outdated: kept.revision < this.revision };
  }

  changed() {
    clearTimeout(this.#localTimer);
    clearTimeout(this.#serverTimer);
    this.#localTimer = setTimeout(() => this.keepHere(), LOCAL_MS);
    this.#serverTimer = setTimeout(() => this.#send(), SERVER_MS);
    this.tell("saving");
  }

  /** Save now. What doesn't reach the server in time is still on this device. */
  flush() {
    if (this.editor.text === this.savedText || this.conflict) return;
    this.keepHere();
    this.#send();
  }

  /** After a conflict: go on from the server's revision, with whatever the editor holds now. */
  settle(revision) {
    this.conflict = false;
    this.revision = revision;
    this.savedText = null;
    this.keepHere();
    this.#send();
  }

  keepHere() {
    try {
      const kept = JSON.stringify({ text: this.editor.text, revision: this.revision });
      localStorage.setItem(this.where.key, kept);
    } catch {
      // No storage or no room: the server's copy remains.
    }
  }

  #read(key) {
    try {
      return JSON.parse(localStorage.getItem(key));
    } catch {
      return null;
    }
  }

  #forget() {
    try {
      localStorage.removeItem(this.where.key);
      localStorage.removeItem(this.where.guestKey);
    } catch {
      // Nothing was kept then.
    }
  }

  #request(source) {
    return {
      method: "POST",
      // Outlives the page; browsers allow that for small bodies only.
      keepalive: source.length < KEEPALIVE_CHARACTERS,
      headers: { "X-CSRFToken": this.where.csrf, Accept: "application/json" },
      body: new URLSearchParams({ source, revision: this.revision }),
    };
  }

  async #send() {
    if (this.conflict) return;
    if (!this.where.url) return this.tell("device");
    if (this.#sending) {
      this.#again = true;
      return;
    }
    const text = this.editor.text;
    if (text === this.savedText) return this.tell("saved");
    this.#sending = true;
    try {
      await this.#take(await fetch(this.where.url, this.#request(text)), text);
    } catch {
      this.keepHere();
      this.tell("device");
    } finally {
      this.#sending = false;
    }
    if (this.#again) {
      this.#again = false;
      await this.#send();
    }
  }

  async #take(response, text) {
    if (response.status === 409) {
      this.conflict = true;
      this.tell("conflict", await response.json());
    } else if (response.ok) {
      this.revision = (await response.json()).revision;
      this.savedText = text;
      if (this.editor.text === text) {
        this.#forget();
        this.tell("saved");
      } else {
        this.keepHere();
      }
    } else {
      this.keepHere();
      this.tell("device");
    }
  }
}
