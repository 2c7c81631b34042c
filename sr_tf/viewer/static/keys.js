// Keyboard shortcuts. They work wherever the focus is, except in lists and dialogs, which use the keys themselves.

export function listen(actions) {
  const keys = {
    "+": () => actions.zoom(1.6), "=": () => actions.zoom(1.6), "-": () => actions.zoom(1 / 1.6), "−": () => actions.zoom(1 / 1.6),
    0: actions.whole, 1: actions.pixels, c: actions.compare, b: actions.next, m: actions.map, d: actions.details, f: actions.fullScreen,
    "?": actions.help, "[": () => actions.divide(-5), "]": () => actions.divide(5),
    ArrowLeft: (far) => actions.pan(-far, 0), ArrowRight: (far) => actions.pan(far, 0),
    ArrowUp: (far) => actions.pan(0, -far), ArrowDown: (far) => actions.pan(0, far),
  };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("select, dialog")) return;
    if (event.key === "Escape" && !document.getElementById("details").hidden) {
      actions.details();
      return;
    }
    const action = keys[event.key] ?? keys[event.key.toLowerCase()];
    if (!action) return;
    event.preventDefault();
    action(event.shiftKey ? 0.9 : 0.2);
  });
}
