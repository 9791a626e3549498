// The message builder: only a strategy's alert knows an order, so another kind needs other choices.
// Without this file the page says which field to change.

const form = document.getElementById("builder");
const FOR_ALL = { action: "BUY", sizing: "NUMBER" };

function suit() {
  const ofStrategy = form.elements.kind.value === "STRATEGY";
  for (const [name, other] of Object.entries(FOR_ALL)) {
    const select = form.elements[name];
    select.querySelector('option[value="SCRIPT"]').disabled = !ofStrategy;
    if (!ofStrategy && select.value === "SCRIPT") select.value = other;
  }
  if (!ofStrategy && form.elements.sizing.value === "NUMBER" && !form.elements.quantity.value) {
    form.elements.quantity.value = "1";
  }
}

// Before HTMX asks with the values.
form.addEventListener("change", suit, true);
form.addEventListener("input", suit, true);
suit();
