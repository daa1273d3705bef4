// The picture of the first screen: a panel of jacks with cords between them, and one line that
// carries the visitor's name.
import { isNarrow } from "./hooks";

type Place = [column: number, row: number];

const COLUMNS = 9;
const ROWS = 8;
const STEP = 88;
/** The jack that becomes the visitor's. */
const OWN: Place = [4, 3];
const LABEL_MAX = 15;

interface Cord {
  from: Place;
  to: Place;
  colour: number;
  /** How far it hangs below its lower end. */
  sag: number;
}

const CORDS: Cord[] = [
  { from: [1, 1], to: [3, 2], colour: 1, sag: 74 },
  { from: [5, 1], to: [7, 4], colour: 4, sag: 96 },
  { from: [2, 5], to: [5, 6], colour: 7, sag: 70 },
  { from: [1, 3], to: [2, 4], colour: 2, sag: 64 },
  { from: [6, 2], to: [7, 2], colour: 9, sag: 58 },
];

const x = ([column]: Place) => 36 + column * STEP;
const y = ([, row]: Place) => 40 + row * STEP;

/** A cord hangs: both ends drop before they meet. */
function hang({ from, to, sag }: Cord): string {
  const low = Math.max(y(from), y(to)) + sag;
  return `M${x(from)} ${y(from)}C${x(from)} ${low} ${x(to)} ${low} ${x(to)} ${y(to)}`;
}

export function PatchPanel({ label }: { label: string }) {
  const lit = label !== "";
  const jacks = Array.from({ length: COLUMNS * ROWS }, (_, at): Place => [
    at % COLUMNS,
    Math.floor(at / COLUMNS),
  ]);
  const plugged = new Set(CORDS.flatMap((cord) => [cord.from.join(), cord.to.join()]));
  const letters = [...label];
  return (
    <svg
      class={lit ? "patch patch-lit" : "patch"}
      viewBox={isNarrow.value ? "168 84 440 470" : "36 4 704 696"}
      preserveAspectRatio="xMidYMid slice"
      aria-hidden="true"
      focusable="false"
    >
      <radialGradient id="patch-glow">
        <stop class="patch-glow-stop" offset="0.2" stop-opacity="0.55" />
        <stop class="patch-glow-stop" offset="1" stop-opacity="0" />
      </radialGradient>
      {jacks.map((place) => {
        const own = place.join() === OWN.join();
        return (
          <g
            key={place.join()}
            class={plugged.has(place.join()) ? "patch-jack patch-plugged" : "patch-jack"}
          >
            {own && (
              <circle
                class="patch-lamp-glow"
                cx={x(place)}
                cy={y(place)}
                r="44"
                style={{ fill: "url(#patch-glow)", stroke: "none" }}
              />
            )}
            <circle cx={x(place)} cy={y(place)} r="12" />
            <circle class="patch-hole" cx={x(place)} cy={y(place)} r="5" />
            {!own && <rect x={x(place) - 19} y={y(place) + 21} width="38" height="8" rx="2" />}
          </g>
        );
      })}
      {CORDS.map((cord) => (
        <path key={cord.colour} class={`patch-cord cord-line-${cord.colour}`} d={hang(cord)} />
      ))}
      <path
        class="patch-cord patch-cord-own"
        pathLength={1}
        d={`M${x(OWN)} ${y(OWN)}C${x(OWN)} ${y(OWN) + 170} ${x(OWN) + 150} ${y(OWN) + 150} 860 ${y(OWN) + 215}`}
      />
      <circle class="patch-lamp" cx={x(OWN)} cy={y(OWN)} r="6" />
      <g class="patch-label">
        <rect x={x(OWN) - 74} y={y(OWN) - 54} width="148" height="30" rx="4" />
        <text x={x(OWN)} y={y(OWN) - 34} text-anchor="middle">
          {lit
            ? letters.length > LABEL_MAX
              ? `${letters.slice(0, LABEL_MAX - 1).join("")}…`
              : label
            : "your name"}
        </text>
      </g>
    </svg>
  );
}
