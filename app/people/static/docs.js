// Sends the request that is written down, and shows what came back.
"use strict";

for (const form of document.querySelectorAll(".try")) {
  const choice = form.querySelector("select");
  const body = form.querySelector("textarea");
  choice?.addEventListener("change", () => {
    body.value = choice.selectedOptions[0].dataset.body;
  });
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const flags = [...form.querySelectorAll("input:checked")].map((box) => `${box.name}=true`).join("&");
    const path = `.${form.dataset.path}` + (flags && `?${flags}`);
    const options = { method: form.dataset.method };
    if (body) {
      options.body = body.value;
      options.headers = { "Content-Type": choice.selectedOptions[0].dataset.type };
    }
    const place = form.querySelector(".result");
    const shown = document.createElement("pre");
    shown.tabIndex = 0;
    try {
      const response = await fetch(path, options);
      const text = await response.text();
      const isJson = (response.headers.get("Content-Type") ?? "").includes("json");
      shown.textContent = `${response.status} ${response.statusText}\n\n`;
      shown.textContent += isJson ? JSON.stringify(JSON.parse(text), null, 1) : text;
    } catch (error) {
      shown.textContent = `The server could not be asked: ${error.message}`;
    }
    place.replaceChildren(shown);
  });
}
