"use strict";
(() => {
  const $ = (id) => document.getElementById(id);
  const all = [...document.querySelectorAll(".e")];
  const texts = new Map();
  const text = (e) => {
    let t = texts.get(e);
    if (t === undefined) { t = e.textContent.toLowerCase(); texts.set(e, t); }
    return t;
  };
  $("find").hidden = false;
  let timer = 0;
  const find = () => {
    const words = $("q").value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const e of all) {
      const hit = words.every((w) => text(e).includes(w));
      e.classList.toggle("away", !hit);
      if (hit) shown++;
    }
    for (const k of document.querySelectorAll(".k")) {
      k.classList.toggle("away", k.querySelector(".e:not(.away)") === null);
    }
    $("found").textContent = words.length ? `${shown} of ${all.length} shown` : "";
  };
  $("q").addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(find, 120); });
  const fold = (open) => {
    const only = document.querySelector("input[name=f]:checked");
    const cause = only === null || only.id === "f0" ? "" : "c" + only.id.slice(1);
    for (const e of document.querySelectorAll("details.e")) {
      if (!e.classList.contains("away") && (cause === "" || e.classList.contains(cause))) e.open = open;
    }
  };
  $("unfold").addEventListener("click", () => fold(true));
  $("fold").addEventListener("click", () => fold(false));
  document.addEventListener("keydown", (ev) => {
    const typing = ev.target instanceof HTMLInputElement && ev.target.type === "search";
    if (ev.key === "/" && !typing && !ev.ctrlKey && !ev.metaKey && !ev.altKey) {
      ev.preventDefault();
      $("q").focus();
    }
  });
})();
