// Reading: one image, three questions.

function begin(number) {
  session = number;
  const first = images(number).findIndex((image) => !complete(answers[number][image]));
  document.body.classList.add("reads");
  find("start").hidden = true;
  find("reading").hidden = false;
  show(Math.max(0, first));
}

const current = () => answers[session][images(session)[index]] ?? {};

function show(place) {
  index = place;
  const image = find("image"), all = images(session);
  image.hidden = true;
  image.src = `images/${all[index]}.png`;
  if (index + 1 < all.length) new Image().src = `images/${all[index + 1]}.png`;
  find("trouble").hidden = true;
  find("where").textContent = `Session ${session}, image ${index + 1} of ${all.length}`;
  find("previous").disabled = !index;
  refresh(QUESTIONS.find(({ name }) => !current()[name])?.name ?? "");
}

function refresh(marked) {
  const answer = current();
  Object.assign(find("progress"), { max: images(session).length, value: done(session) });
  for (const { name } of QUESTIONS) {
    const box = find(`question-${name}`);
    box.classList.toggle("current", name === marked);
    for (const input of box.querySelectorAll("input")) input.checked = input.value === answer[name];
  }
  find("next").disabled = !complete(answer);
  find("next").textContent = index + 1 < images(session).length ? "Next image" : "Finish";
}

function choose(name, value) {
  answers[session][images(session)[index]] = { ...current(), [name]: value, read_on: today() };
  keep();
  const rest = QUESTIONS.find((question) => !current()[question.name]);
  refresh(rest?.name ?? "");
}

function turn() {
  if (!complete(current())) return;
  if (index + 1 < images(session).length) return show(index + 1);
  const open = images(session).findIndex((image) => !complete(answers[session][image]));
  return open < 0 ? showStart() : show(open);
}

function back() {
  const names = QUESTIONS.map(({ name }) => name), answer = current();
  const last = names.findLast((name) => answer[name]);
  if (!last) return;
  const { [last]: _, ...others } = answer;
  answers[session][images(session)[index]] = others;
  keep();
  refresh(last);
}

function makeQuestions() {
  for (const { name, title, choices, ends } of QUESTIONS) {
    const box = make("fieldset", "", { id: `question-${name}` }), list = make("div", "", { class: "choices" });
    list.classList.toggle("grades", Boolean(ends));
    choices.forEach((choice, place) => {
      const label = make("label"), input = make("input", "", { type: "radio", name });
      input.value = choice;
      input.addEventListener("change", () => choose(name, choice));
      label.append(input);
      if (!ends) label.append(make("kbd", String(place + 1), { "aria-hidden": "true" }));
      label.append(make("span", choice));
      list.append(label);
    });
    box.append(make("legend", title), list);
    if (ends) {
      const scale = make("p", "", { class: "ends" });
      scale.append(make("span", `1 ${ends[0]}`), make("span", `5 ${ends[1]}`));
      box.append(scale);
    }
    find("fieldsets").append(box);
  }
}
