// <live-run events="URL">: opens the server's event stream while a grading run isn't final, and turns
// each hint that something changed into a fetch of the panel. The panel also polls by itself
// (hx-trigger "every 2s"); those polls are dropped while the stream is known to be alive and the last
// fetch brought the panel.
const ALIVE_MS = 20_000;

class LiveRun extends HTMLElement {
  #source = null;
  #heardAt = 0;
  #fetchFailed = false;

  connectedCallback() {
    this.addEventListener("htmx:beforeRequest", this.#dropNeedlessPoll);
    this.addEventListener("htmx:afterRequest", this.#noteEnd);
    this.#follow();
    new MutationObserver(() => this.#follow()).observe(this, { childList: true, subtree: true });
  }

  disconnectedCallback() {
    this.#close();
  }

  get #panel() {
    return this.querySelector("[data-run]");
  }

  #follow() {
    const panel = this.#panel;
    if (!panel || panel.dataset.final === "true") return this.#close();
    if (this.#source?.url.endsWith(panel.dataset.events)) return;
    this.#close();
    this.#source = new EventSource(panel.dataset.events);
    for (const name of ["submission-changed", "ping"]) {
      this.#source.addEventListener(name, () => this.#heard(name));
    }
    this.#source.addEventListener("error", () => (this.#heardAt = 0));
  }

  #heard(name) {
    this.#heardAt = Date.now();
    if (name === "submission-changed") {
      this.#panel?.dispatchEvent(new CustomEvent(name, { bubbles: true }));
    }
  }

  #dropNeedlessPoll = (event) => {
    const isPoll = event.detail.requestConfig.triggeringEvent === undefined;
    const isAlive = Date.now() - this.#heardAt < ALIVE_MS;
    if (isPoll && event.target === this.#panel && isAlive && !this.#fetchFailed) {
      event.preventDefault();
    }
  };

  // What the stream told of wasn't seen then, and it doesn't tell twice: look until a fetch succeeds.
  #noteEnd = (event) => {
    this.#fetchFailed = !event.detail.successful;
  };

  #close() {
    this.#source?.close();
    this.#source = null;
    this.#heardAt = 0;
  }
}

customElements.define("live-run", LiveRun);
