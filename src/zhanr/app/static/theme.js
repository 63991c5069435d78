// Light or dark: what the system says, until the person says otherwise. Runs before the page is drawn.
(() => {
  const system = matchMedia("(prefers-color-scheme: dark)");
  const stored = () => {
    try {
      return localStorage.getItem("zhanr-theme");
    } catch {
      return null;
    }
  };
  const store = (theme) => {
    try {
      theme ? localStorage.setItem("zhanr-theme", theme) : localStorage.removeItem("zhanr-theme");
    } catch {
      /* private */
    }
  };
  const apply = () => {
    const theme = stored() ?? (system.matches ? "dark" : "light");
    document.documentElement.dataset.theme = theme;
    dispatchEvent(new CustomEvent("themechange"));
  };
  apply();
  system.addEventListener("change", apply);
  addEventListener("storage", apply);
  document.addEventListener("click", (event) => {
    if (!(/** @type {Element} */ (event.target).closest?.("[data-theme-switch]"))) return;
    const next = document.documentElement.dataset.theme === "dark" ? "light" : "dark";
    store(next === (system.matches ? "dark" : "light") ? null : next);
    apply();
  });
})();
