// Runs in <head>, before the first paint, so that no wrong theme flashes and no-script parts hide.
const root = document.documentElement;
root.classList.add("js");
try {
  const theme = localStorage.getItem("theme");
  if (theme === "light" || theme === "dark") root.dataset.theme = theme;
} catch {
  // Storage can be forbidden; the system's theme then holds.
}
