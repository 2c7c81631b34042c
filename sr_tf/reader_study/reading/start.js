"use strict";

const study = JSON.parse(document.getElementById("study").textContent);
const COLUMNS = ["session", "number", "image", "finding", "confidence", "quality", "read_on", "reader"];
const GRADES = ["1", "2", "3", "4", "5"];
const QUESTIONS = [
  { name: "finding", title: "What do you see?", choices: study.categories },
  { name: "confidence", title: "How sure are you?", choices: GRADES, ends: ["guess", "certain"] },
  { name: "quality", title: "How good is the image?", choices: GRADES, ends: ["unusable", "excellent"] },
];
const DAY = 86_400_000;
const find = (id) => document.getElementById(id);

// Answers: {"1": {image: {finding, confidence, quality, read_on}}, "2": …}, kept by study and reader.
let reader = "", answers = { 1: {}, 2: {} }, keeps = true, session = 1, index = 0;

function today(shift = 0) {
  const now = new Date(Date.now() + shift * DAY);
  return [now.getFullYear(), now.getMonth() + 1, now.getDate()].map((part) => String(part).padStart(2, "0")).join("-");
}

function dayAfter(day, days) {
  return new Date(Date.parse(day) + days * DAY).toISOString().slice(0, 10);
}

function keep() {
  try {
    localStorage.setItem(`sr_tf reader study ${study.study} ${reader}`, JSON.stringify(answers));
  } catch {
    keeps = false;
  }
  find("no-storage").hidden = keeps;
}

function recall() {
  answers = { 1: {}, 2: {} };
  try {
    answers = JSON.parse(localStorage.getItem(`sr_tf reader study ${study.study} ${reader}`)) ?? answers;
  } catch {
    keeps = false;
  }
}

const images = (number) => study.sessions[number - 1];
const complete = (answer) => QUESTIONS.every(({ name }) => answer?.[name]);
const done = (number) => images(number).filter((image) => complete(answers[number][image])).length;
const lastDay = (number) => Object.values(answers[number]).map((answer) => answer.read_on ?? "").sort().at(-1) ?? "";

// The start: who reads, and the two sessions.

function make(tag, text = "", attributes = {}) {
  const element = document.createElement(tag);
  element.textContent = text;
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}

function button(text, action, main = false) {
  const made = make("button", text, { type: "button" });
  made.classList.toggle("main", main);
  made.addEventListener("click", action);
  return made;
}

function showStart() {
  document.body.classList.remove("reads");
  find("reading").hidden = true;
  find("start").hidden = false;
  find("sessions").replaceChildren(...[1, 2].map(card));
}

function card(number) {
  const box = make("section"), count = images(number).length, ready = done(number);
  const buttons = make("div", "", { class: "buttons" });
  box.append(make("h2", `Session ${number}`), make("p", status(number, ready, count)), buttons);
  const open = number === 1 || opens() <= today();
  if (reader && open) {
    const label = ready === count ? "Look through" : ready ? "Go on" : "Begin";
    buttons.append(button(label, () => begin(number), ready < count));
  }
  if (ready) buttons.append(button("Save answers as CSV", () => save(number), ready === count));
  if (reader && number === 2 && !done(1)) box.append(...elsewhere());
  return box;
}

function status(number, ready, count) {
  if (!reader) return number === 1 ? "Enter your name first." : `At least ${study.washout} days after session 1.`;
  if (ready === count) return `All ${count} images read, the last on ${lastDay(number)}. Save the answers.`;
  if (ready) return `${ready} of ${count} images read.`;
  if (number === 1) return `${count} images. If you finish today, session 2 opens on ${dayAfter(today(), study.washout)}.`;
  if (!finished()) return "Finish session 1 first.";
  if (opens() <= today()) return `Open since ${opens()}.`;
  return `You finished session 1 on ${finished()}. Opens on ${opens()}, after ${study.washout} days.`;
}

const finished = () => (done(1) === images(1).length ? lastDay(1) : done(1) ? "" : answers.elsewhere ?? "");
// "9" is later than any day: session 1 is not finished.
const opens = () => (finished() ? dayAfter(finished(), study.washout) : "9");

function elsewhere() {
  const label = make("label", "Session 1 read on another computer or on paper? The day you finished it:", { for: "elsewhere" });
  const input = make("input", "", { type: "date", id: "elsewhere", max: today() });
  input.value = answers.elsewhere ?? "";
  input.addEventListener("change", () => {
    answers.elsewhere = input.value;
    keep();
    showStart();
  });
  return [label, input];
}

function save(number) {
  const cell = (value) => (/[",;\n\r]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value);
  const rows = images(number).map((image, place) => {
    const answer = complete(answers[number][image]) ? answers[number][image] : {};
    return { session: number, number: place + 1, image, ...answer, reader: answer.finding ? reader : "" };
  });
  const lines = [COLUMNS, ...rows.map((row) => COLUMNS.map((column) => String(row[column] ?? "")))];
  const link = make("a", "", { download: `answers-session-${number}-${reader.replace(/[^\p{L}\p{N}]+/gu, "-")}.csv` });
  link.href = URL.createObjectURL(new Blob([lines.map((line) => line.map(cell).join(",") + "\n").join("")], { type: "text/csv" }));
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
