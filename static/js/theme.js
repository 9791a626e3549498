// Runs before the first paint: light, dark or auto, shared with the admin's own switch.
const chosenTheme = localStorage.getItem("theme");
document.documentElement.dataset.theme =
  chosenTheme === "light" || chosenTheme === "dark" ? chosenTheme : "auto";
