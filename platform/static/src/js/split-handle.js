// <split-handle>: a bar between two parts that is dragged, by pointer, arrow keys, Home and End. What
// it sets is a share of its parent, in percent, as a custom property there:
//   <split-handle property="--split" from="left" least="25" most="70" usual="44">
import { recall, remember } from "./storage.js";

const EDGES = {
  left: { orientation: "vertical", less: "ArrowLeft", more: "ArrowRight" },
  bottom: { orientation: "horizontal", less: "ArrowDown", more: "ArrowUp" },
};
const STEP = 2;

class SplitHandle extends HTMLElement {
  connectedCallback() {
    this.edge = EDGES[this.getAttribute("from")];
    this.property = this.getAttribute("property");
    [this.least, this.most, this.usual] = ["least", "most", "usual"].map((name) => +this.getAttribute(name));
    this.tabIndex = 0;
    this.setAttribute("role", "separator");
    this.setAttribute("aria-orientation", this.edge.orientation);
    this.setAttribute("aria-valuemin", this.least);
    this.setAttribute("aria-valuemax", this.most);
    this.#set(Number(recall(this.#key)) || this.usual);
    this.addEventListener("keydown", this.#press);
    this.addEventListener("dblclick", () => this.#set(this.usual));
    this.addEventListener("pointerdown", this.#grab);
  }

  get #key() {
    return this.property.replace("--", "");
  }

  get #value() {
    return Number(this.getAttribute("aria-valuenow"));
  }

  #set(percent) {
    const value = Math.round(Math.min(this.most, Math.max(this.least, percent)));
    this.parentElement.style.setProperty(this.property, `${value}%`);
    this.setAttribute("aria-valuenow", value);
    remember(this.#key, value);
  }

  #press = (event) => {
    const target = {
      [this.edge.less]: this.#value - STEP,
      [this.edge.more]: this.#value + STEP,
      Home: this.least,
      End: this.most,
    }[event.key];
    if (target === undefined) return;
    event.preventDefault();
    this.#set(target);
  };

  #grab = (event) => {
    event.preventDefault();
    this.setPointerCapture(event.pointerId);
    const box = this.parentElement.getBoundingClientRect();
    const share =
      this.edge === EDGES.left
        ? ({ clientX }) => (clientX - box.left) / box.width
        : ({ clientY }) => (box.bottom - clientY) / box.height;
    const move = (moved) => this.#set(share(moved) * 100);
    this.addEventListener("pointermove", move);
    this.addEventListener("lostpointercapture", () => this.removeEventListener("pointermove", move), {
      once: true,
    });
  };
}

customElements.define("split-handle", SplitHandle);
