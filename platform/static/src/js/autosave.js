// Keeps what is typed: on this device at once, on the server a little later. The server counts
// revisions; when another device has saved in between, the learner chooses, and nothing is lost.
import { forget, recall, remember } from "./storage.js";

const LOCAL_MS = 500;
const SERVER_MS = 3000;
const RETRY_MS = 15_000;
const ANSWER_MS = 30_000;
// A page's requests that outlive it may have 64 KiB together, headers of the parts included.
const KEEPALIVE_BYTES = 60_000;

export class Autosave {
  #localTimer;
  #serverTimer;
  #sending = false;
  #again = false;
  // Whether this page has put a text on this device that is still there.
  #kept = false;
  // The text that stands against the editor's until the learner chooses; null when there is none.
  #other = null;

  /**
   * @param {object} editor has `text`
   * @param {{url: string, key: string, guestKey: string, revision: number, csrf: string}} where
   *   without `url` (nobody is signed in) everything stays on this device
   * @param {(state: string) => void} tell "saving" | "saved" | "device" | "conflict"
   * @param {(why: string, text: string) => void} ask which text to go on with: "newer", the server
   *   has another one, or "kept", this device has; nothing is sent before `settle`
   */
  constructor(editor, where, tell, ask) {
    this.editor = editor;
    this.where = where;
    this.revision = where.revision;
    this.tell = tell;
    this.ask = ask;
    this.savedText = editor.text;
    // On iOS and when a tab is closed, "pagehide" and "hidden" are the last events one can trust.
    addEventListener("pagehide", () => this.flush());
    document.addEventListener("visibilitychange", () => document.hidden && this.flush());
    addEventListener("online", () => this.#send());
  }

  /** Go on with what this device kept and the server never got, if there is such a text. */
  recover() {
    const kept = JSON.parse(recall(this.where.key) ?? recall(this.where.guestKey));
    if (!kept) return;
    if (kept.other !== undefined) {
      this.editor.text = kept.text;
      this.#dispute("kept", { source: kept.other, revision: kept.revision });
    } else if (kept.text !== this.editor.text && kept.revision < this.revision) {
      this.#dispute("kept", { source: kept.text, revision: this.revision });
    } else if (kept.text !== this.editor.text) {
      this.editor.text = kept.text;
      this.changed();
    }
  }

  changed() {
    clearTimeout(this.#localTimer);
    clearTimeout(this.#serverTimer);
    this.#localTimer = setTimeout(() => this.keepHere(), LOCAL_MS);
    if (this.#other) return;
    this.#sendIn(SERVER_MS);
    this.tell("saving");
  }

  /** Save now. What doesn't reach the server in time is still on this device. */
  async flush() {
    if (this.editor.text === this.savedText) {
      // Typed and undone: what was kept in between must not come back.
      if (this.#kept && !this.#other) this.#forget();
      return;
    }
    this.keepHere();
    await this.#send();
  }

  /** The learner has chosen: the editor holds the text to go on with. */
  settle() {
    this.revision = this.#other.revision;
    this.#other = null;
    this.savedText = null;
    this.keepHere();
    this.#send();
  }

  keepHere() {
    // The other text goes along where it is on this device alone.
    const other = this.#other?.onlyHere ? this.#other.source : undefined;
    const kept = { text: this.editor.text, revision: this.revision, other };
    remember(this.where.key, JSON.stringify(kept));
    this.#kept = true;
  }

  #forget() {
    [this.where.key, this.where.guestKey].forEach(forget);
    this.#kept = false;
  }

  #sendIn(milliseconds) {
    clearTimeout(this.#serverTimer);
    this.#serverTimer = setTimeout(() => this.#send(), milliseconds);
  }

  #dispute(why, other) {
    this.#other = { ...other, onlyHere: why === "kept" };
    this.tell("conflict");
    this.ask(why, other.source);
  }

  #request(source) {
    // Not URL-encoded, which takes nine bytes for a Chinese character instead of three.
    const body = new FormData();
    body.set("source", source);
    body.set("revision", this.revision);
    const bytes = new Blob([source.replaceAll("\n", "\r\n")]).size;
    return {
      method: "POST",
      keepalive: bytes < KEEPALIVE_BYTES,
      // Safari before 16 doesn't know it, and waits.
      signal: AbortSignal.timeout?.(ANSWER_MS),
      headers: { "X-CSRFToken": this.where.csrf, Accept: "application/json" },
      body,
    };
  }

  async #send() {
    if (this.#other) return;
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
      this.#failed();
      this.#sendIn(RETRY_MS);
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
      this.#dispute("newer", await response.json());
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
      this.#failed();
      if (response.status >= 500) this.#sendIn(RETRY_MS);
    }
  }

  #failed() {
    this.keepHere();
    this.tell("device");
  }
}
