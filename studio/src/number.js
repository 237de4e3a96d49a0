// Three digits are what a person reads; what is not known is a dash.
export function number(value, digits = 3) {
  if (value == null || !Number.isFinite(value)) return "–";
  const size = Math.abs(value);
  if (size >= 1e5 || (size && size < 1e-3)) return value.toExponential(1);
  return size >= 10 ** (digits - 1) ? Math.round(value).toLocaleString("en") : Number(value.toPrecision(digits)).toString();
}
