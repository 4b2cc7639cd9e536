// The page: which section is being read, and commands to copy.
(() => {
  const links = new Map([...document.querySelectorAll("nav a")].map((a) => [a.getAttribute("href").slice(1), a]));
  const mark = () => {
    const passed = [...document.querySelectorAll("main h2")].filter((h) => h.getBoundingClientRect().top < innerHeight / 3);
    const current = passed.length ? passed[passed.length - 1].id : null;
    for (const [name, link] of links)
      if (name === current) link.setAttribute("aria-current", "true");
      else link.removeAttribute("aria-current");
  };
  addEventListener("scroll", mark, { passive: true });
  mark();

  for (const command of document.querySelectorAll("pre.command")) {
    if (!navigator.clipboard) break;
    const button = document.createElement("button");
    button.type = "button";
    button.className = "copy";
    button.textContent = "Copy";
    button.addEventListener("click", async () => {
      try {
        await navigator.clipboard.writeText(command.textContent);
        button.textContent = "Copied";
      } catch {
        button.textContent = "Select it to copy";
      }
    });
    command.after(button);
  }
})();
