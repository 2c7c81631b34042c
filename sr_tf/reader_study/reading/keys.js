// Keys, and the beginning.

const KEYS = {
  "+": () => zoomTo(zoom * 1.25), "=": () => zoomTo(zoom * 1.25), "-": () => zoomTo(zoom / 1.25), "0": fit, ".": () => zoomTo(1),
  ArrowLeft: () => move(100, 0), ArrowRight: () => move(-100, 0), ArrowUp: () => move(0, 100), ArrowDown: () => move(0, -100),
  Enter: turn, PageUp: () => index && show(index - 1), Backspace: back, Escape: showStart,
};

function answerByKey(key) {
  const marked = QUESTIONS.find(({ name }) => find(`question-${name}`).classList.contains("current"));
  const choice = /^[1-9]$/.test(key) && marked?.choices[key - 1];
  if (choice) choose(marked.name, choice);
  return Boolean(choice);
}

function onKey(event) {
  if (find("reading").hidden || event.ctrlKey || event.altKey || event.metaKey) return;
  // A choice or a button that has the focus keeps the keys that it needs itself.
  if (event.target.matches("input") && event.key.startsWith("Arrow")) return;
  if (event.target.matches("button") && event.key === "Enter") return;
  if (answerByKey(event.key)) return event.preventDefault();
  if (!KEYS[event.key]) return;
  event.preventDefault();
  KEYS[event.key]();
}

makeQuestions();
listenToImage();
document.addEventListener("keydown", onKey);
find("reader").addEventListener("input", () => {
  reader = find("reader").value.trim();
  recall();
  showStart();
});
find("who").addEventListener("submit", (event) => event.preventDefault());
find("questions").addEventListener("submit", (event) => {
  event.preventDefault();
  turn();
});
find("previous").addEventListener("click", () => show(index - 1));
find("pause").addEventListener("click", showStart);
keep();
showStart();
document.body.dataset.ready = "";
