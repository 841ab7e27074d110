// The choice among candidates, as zeroov/candidates/choose.py weighs them, and the sentence that says why. Pure.

const LEAST = 1e-6;
const ALIKE = 1e-9;

/** What the page calls each evidence, which of the server's factors it joins, and what it means in one line. */
export const EVIDENCE = [
  { key: "source", name: "Source", factors: ["score"], about: "How sure the source is that such an object is there." },
  { key: "attention", name: "Attention", factors: ["attention"], about: "How much more the attention map holds inside than around." },
  {
    key: "place",
    name: "Place",
    factors: ["place", "extreme", "edge", "cut", "extent", "path", "lone", "near_kind", "ordinal"],
    about: "How well it lies where the sentence says: a side, a corner, a row, an edge.",
  },
  { key: "relation", name: "Relation", factors: ["relation", "between"], about: "How well it lies to the other object that the sentence names." },
  { key: "size", name: "Size", factors: ["size", "aspect"], about: "How well its size and shape fit the words." },
  { key: "looks", name: "Looks", factors: ["attributes"], about: "How likely a crop of it shows the colour and the like that the sentence says." },
  { key: "kind", name: "Kind", factors: ["kinds"], about: "How likely a crop of it shows such an object at all." },
  { key: "marks", name: "Number", factors: ["marks"], about: "Which numbered box the model names." },
  { key: "own", name: "Own box", factors: ["answer"], about: "How well it agrees with the box that the model named itself." },
];

const family = (factor) => (factor.startsWith("relation_") ? "relation" : factor);

const weightOf = (weights, factor) => weights[family(factor)] ?? 1;

/**
 * Weigh candidates {letter, score, factors} by the exponents in `weights`.
 * Returns {order, total, value}: positions best first; logarithms and products, by position.
 */
export function weigh(candidates, weights) {
  const total = candidates.map(({ score, factors }) => {
    if (!(score > 0)) return -Infinity;
    let sum = (weights.score ?? 1) * Math.log(Math.max(score, LEAST));
    for (const [name, factor] of Object.entries(factors ?? {}))
      sum += weightOf(weights, name) * Math.log(Math.max(factor, LEAST));
    return sum;
  });
  const order = candidates.map((_, i) => i).sort((a, b) => (total[a] === total[b] ? a - b : total[b] - total[a]));
  return { order, total, value: total.map(Math.exp) };
}

/** The evidences that the sentence asks for: those that some factor of a candidate, or its source, speaks of. */
export function asked(candidates) {
  const names = new Set(["score", ...candidates.flatMap((each) => Object.keys(each.factors ?? {}))].map(family));
  return EVIDENCE.filter((each) => each.factors.some((factor) => names.has(factor)));
}

/** One evidence's figure for a candidate: the product of its factors. */
export function figure(candidate, evidence) {
  if (evidence.key === "source") return candidate.score;
  let product = 1;
  for (const [name, factor] of Object.entries(candidate.factors ?? {}))
    if (evidence.factors.includes(family(name))) product *= factor;
  return product;
}

function difference(first, second, evidence, weights) {
  if (evidence.key === "source")
    return (weights.score ?? 1) * (Math.log(Math.max(first.score, LEAST)) - Math.log(Math.max(second.score, LEAST)));
  let sum = 0;
  for (const name of Object.keys(first.factors ?? {}))
    if (evidence.factors.includes(family(name)))
      sum +=
        weightOf(weights, name) *
        (Math.log(Math.max(first.factors[name], LEAST)) - Math.log(Math.max(second.factors?.[name] ?? 1, LEAST)));
  return sum;
}

/** The one or two evidences with the largest weighted differences between two candidates. */
export function deciding(first, second, weights) {
  const apart = asked([first, second])
    .map((evidence) => ({ evidence, by: difference(first, second, evidence, weights) }))
    .filter(({ by }) => by > ALIKE)
    .sort((a, b) => b.by - a.by);
  return apart.filter(({ by }, i) => i === 0 || (i === 1 && by > apart[0].by / 3)).map(({ evidence }) => evidence);
}

export const two = (value) => (Number.isFinite(value) ? value.toFixed(2) : "0.00");

/**
 * The reason, by rule: {lead, rest, deciding}. `picked` is the letter that a person chose, or null.
 */
export function reason(candidates, weights, picked = null) {
  if (!candidates.length) return { lead: "", rest: "", deciding: [] };
  const { order, value } = weigh(candidates, weights);
  const best = candidates[order[0]];
  if (candidates.length === 1) return { lead: "The only candidate.", rest: fromEvolve(best) ? "It comes from Evolve alone." : "", deciding: [] };
  const second = candidates[order[1]];
  const lead = value[order[0]] - value[order[1]];
  const columns = deciding(best, second, weights);
  const by = lead >= 0.005 ? `by ${two(lead)}` : "by a hair";
  if (picked && picked !== best.letter)
    return { lead: `You chose ${picked}.`, rest: `${best.letter} led ${by}.`, deciding: columns, back: best.letter };
  const parts = columns.map((each, i) => {
    const name = i ? each.name.toLowerCase() : each.name;
    return `${name} (${two(figure(best, each))} against ${two(figure(second, each))})`;
  });
  const rest = parts.length ? `${parts.join(" and ")} ${parts.length > 1 ? "decide" : "decides"}.` : "Nothing tells them apart.";
  const evolve = order.map((at) => candidates[at]).find((each) => each !== best && fromEvolve(each));
  return {
    lead: `${best.letter} leads ${second.letter} ${by}.`,
    rest: evolve ? `${rest} ${evolve.letter} is seen by Evolve alone.` : rest,
    short: parts.length ? `${columns.map((each, i) => (i ? each.name.toLowerCase() : each.name)).join(" and ")} ${parts.length > 1 ? "decide" : "decides"}.` : rest,
    deciding: columns,
  };
}

const fromEvolve = ({ sources }) => sources?.length === 1 && sources[0] === "evolved";
