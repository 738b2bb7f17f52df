// The page of awcu rate. The server decides what is shown next and says how it stands; this script shows it.

const about = JSON.parse(document.getElementById("about").textContent);
const $ = (id) => document.getElementById(id);
const buttons = [...document.querySelectorAll("[data-rating]")];
const pictures = new Map(); // image → promise of an address, of what is shown and what comes next
let state = null; // as the server said last
let ready = false; // nothing is under way
let seen = false; // the photograph is in full view, so that it can be rated

// Asking ------------------------------------------------------------------------------------------------------------

async function ask(path, query = {}, method = "POST") {
  let response;
  try {
    response = await fetch(`${path}?${new URLSearchParams(query)}`, { method });
  } catch {
    throw new Error(`The server does not answer. Your ratings are in ${about.file}: start awcu rate again, then reload this page.`);
  }
  if (response.ok) return response;
  const said = await response.json().catch(() => ({}));
  throw Object.assign(new Error(said.error || `The server answered ${response.status}.`), { status: response.status });
}

const stand = async () => (await ask("state", {}, "GET")).json();

function picture(image) {
  if (!pictures.has(image)) {
    const address = ask("photograph", { image }, "GET").then(async (response) => URL.createObjectURL(await response.blob()));
    address.catch(() => pictures.delete(image));
    pictures.set(image, address);
  }
  return pictures.get(image);
}

function keepOnly(images) {
  for (const [image, address] of [...pictures]) {
    if (images.includes(image)) continue;
    pictures.delete(image);
    address.then((one) => URL.revokeObjectURL(one), () => {});
  }
}

// Showing -----------------------------------------------------------------------------------------------------------

const fault = (text) => { $("error").textContent = text; };

function say() {
  $("progress").max = state.goal;
  $("progress").value = Math.min(state.rated, state.goal);
  $("count").textContent = state.count;
  $("said").textContent = state.said.replaceAll(" ± ", "\u00a0±\u00a0"); // not broken over two lines
  $("enough").textContent = state.enough;
  $("done").classList.toggle("primary", Boolean(state.enough || !state.image));
  $("undo").disabled = !state.undo;
}

async function show(said) {
  state = said;
  ready = seen = false;
  const { image, step } = state;
  say();
  $("name").textContent = state.name;
  $("was").textContent = state.was ? `You gave it ${state.was}.` : "";
  buttons.forEach((button) => { button.disabled = !image; button.classList.toggle("was", Number(button.dataset.rating) === state.was); });
  $("skip").disabled = !image;
  $("stage").classList.toggle("empty", !image);
  if (image) {
    $("stage").classList.add("waiting");
    $("photograph").src = await picture(image);
    await $("photograph").decode();
    if (state.step !== step) return;
    $("photograph").alt = `Photograph ${state.name}`;
    $("stage").classList.remove("waiting");
  }
  ready = true;
  seen = Boolean(image);
  look(step);
}

// What the last rating has taught is known a moment later, and so is the photograph after this one.
async function look(step) {
  const later = await stand().catch(() => null);
  if (!later || later.step !== step || state.step !== step) return;
  state = later;
  say();
  if (state.next) picture(state.next).catch(() => {});
  keepOnly([state.image, state.next]);
}

// Rating ------------------------------------------------------------------------------------------------------------

async function act(path, query = {}) {
  if (!ready) return;
  ready = false;
  fault("");
  try {
    const said = await (await ask(path, { step: state.step, ...query })).json();
    await show(said);
  } catch (error) {
    fault(error.message);
    // Another window has gone on meanwhile: show where it stands.
    if (error.status === 409) await show(await stand()).catch(() => {});
    ready = true;
  }
}

function rate(rating) {
  const button = buttons.find((one) => one.dataset.rating === String(rating));
  if (!button || !seen || !ready) return;
  button.classList.add("given");
  setTimeout(() => button.classList.remove("given"), 250);
  act("rate", { rating });
}

const undo = () => state?.undo && act("undo");
const skip = () => state?.image && act("skip");

async function finish() {
  fault("");
  try {
    const end = await (await ask("done")).json();
    ready = false;
    $("end-title").textContent = end.title;
    $("end-words").replaceChildren(...end.words.map((text) => Object.assign(document.createElement("p"), { textContent: text })));
    if (end.command) $("end-words").append(Object.assign(document.createElement("pre"), { textContent: end.command }));
    $("screen").hidden = $("help").hidden = true;
    $("end").hidden = false;
    $("end-title").focus();
  } catch (error) {
    fault(error.message);
  }
}

// A button that was clicked must not keep the focus, or the space bar would press it again instead of skipping.
const onClick = (button, work) => button.addEventListener("click", (event) => {
  if (event.detail) button.blur();
  work();
});
buttons.forEach((button) => onClick(button, () => rate(button.dataset.rating)));
onClick($("undo"), undo);
onClick($("skip"), skip);
onClick($("done"), finish);

addEventListener("keydown", (event) => {
  if (event.repeat || event.ctrlKey || event.metaKey || event.altKey || !$("end").hidden) return;
  const key = event.key.toLowerCase();
  if (key === " " && event.target.closest("button, summary")) return;
  const work = { z: undo, backspace: undo, s: skip, " ": skip }[key] || (/^[1-9]$/.test(key) && (() => rate(key)));
  if (!work) return;
  event.preventDefault();
  work();
});

stand().then(show).catch((error) => fault(error.message));
