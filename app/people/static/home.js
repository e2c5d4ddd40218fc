// The page without a reload. Without this script the same forms work, and the server answers with the whole page.
"use strict";

const one = document.getElementById("one");
const many = document.getElementById("many");

function alertText(text) {
  const paragraph = document.createElement("p");
  paragraph.className = "alert";
  paragraph.textContent = text;
  return paragraph;
}

// The button stays as it is: one that is disabled loses the focus.
function send(form) {
  return fetch(form.getAttribute("action"), { method: "POST", body: new FormData(form), headers: { Accept: "text/html" } });
}

async function pageOf(response) {
  return new DOMParser().parseFromString(await response.text(), "text/html");
}

// Take over what the server's page says: the answer, the reasons for it, and what is wrong with each field.
function takeOver(page) {
  if (!page.getElementById("answer")) throw new Error("the server's answer was not a page of this form");
  for (const id of ["answer", "why"]) {
    document.getElementById(id).replaceChildren(...page.getElementById(id).childNodes);
    document.getElementById(id).classList.remove("stale");
  }
  for (const field of one.querySelectorAll("[name]")) {
    const theirs = page.getElementById(field.id);
    field.toggleAttribute("aria-invalid", false);
    if (theirs?.getAttribute("aria-invalid")) field.setAttribute("aria-invalid", "true");
    document.getElementById(`${field.id}-fault`).textContent = page.getElementById(`${field.id}-fault`)?.textContent ?? "";
  }
}

let newest = 0;

async function predictOne() {
  const mine = (newest += 1);
  // The address carries the form: it can be reloaded, kept and shared.
  if (one.getAttribute("method") === "get") history.replaceState(null, "", `?${new URLSearchParams(new FormData(one))}`);
  try {
    const page = await pageOf(await send(one));
    // a slow answer to an older question must not replace a newer one
    if (mine === newest) takeOver(page);
  } catch (error) {
    if (mine !== newest) return;
    document.getElementById("answer").replaceChildren(alertText(`The server could not be asked: ${error.message}.`));
    document.getElementById("why").replaceChildren();
  }
}

one.addEventListener("submit", (event) => {
  event.preventDefault();
  predictOne().then(() => document.getElementById("answer").scrollIntoView({ block: "nearest" }));
});

// An answer to other values than those that stand there is greyed, until the new one is there.
one.addEventListener("input", () => {
  for (const id of ["answer", "why"]) document.getElementById(id).classList.add("stale");
});

// Once there is an answer, it follows what is changed.
one.addEventListener("change", () => {
  if (document.querySelector("#answer .price") && one.checkValidity()) predictOne();
});

many.addEventListener("submit", async (event) => {
  event.preventDefault();
  const place = document.getElementById("table-answer");
  if (place.textContent === "Predicting …") return;
  place.textContent = "Predicting …";
  try {
    const response = await send(many);
    if (!(response.headers.get("Content-Type") ?? "").startsWith("text/csv")) {
      const theirs = (await pageOf(response)).getElementById("table-answer");
      place.replaceChildren(...(theirs?.childNodes ?? [alertText(`The server answered ${response.status}.`)]));
      return;
    }
    const link = document.createElement("a");
    link.href = URL.createObjectURL(await response.blob());
    link.download = "predictions.csv";
    link.textContent = "Download predictions.csv";
    const [priced, refused] = ["Records-Priced", "Records-Refused"].map((name) => Number(response.headers.get(name)));
    const told = document.createElement("p");
    told.textContent = `${priced.toLocaleString("en-US")} predicted, ${refused.toLocaleString("en-US")} refused`;
    told.append(refused ? " (the column errors says why). " : ". ", link);
    place.replaceChildren(told);
  } catch (error) {
    place.replaceChildren(alertText(`The server could not be asked: ${error.message}.`));
  } finally {
    place.scrollIntoView({ block: "nearest" });
  }
});
