// The picture of the first screen: a panel of jacks with cords between them, and one line that carries the visitor's name.

const COLUMNS = 6;
const ROWS = 5;
const STEP_X = 84;
const STEP_Y = 92;
const LEFT = 50;
const TOP = 52;
/** The jack that becomes the visitor's. */
const OWN = { column: 3, row: 2 };

interface Cord {
  from: [number, number];
  to: [number, number];
  colour: number;
}

const CORDS: Cord[] = [
  { from: [0, 0], to: [2, 1], colour: 1 },
  { from: [4, 0], to: [5, 3], colour: 4 },
  { from: [1, 3], to: [4, 4], colour: 7 },
  { from: [0, 2], to: [1, 1], colour: 2 },
];

const x = (column: number) => LEFT + column * STEP_X;
const y = (row: number) => TOP + row * STEP_Y;

/** A cord hangs: both ends drop before they meet. */
function hang([fromColumn, fromRow]: [number, number], [toColumn, toRow]: [number, number]): string {
  const low = Math.max(y(fromRow), y(toRow)) + 58;
  return `M${x(fromColumn)} ${y(fromRow)}C${x(fromColumn)} ${low} ${x(toColumn)} ${low} ${x(toColumn)} ${y(toRow)}`;
}

export function PatchPanel({ label }: { label: string }) {
  const lit = label !== "";
  const jacks = Array.from({ length: COLUMNS * ROWS }, (_, at) => ({ column: at % COLUMNS, row: Math.floor(at / COLUMNS) }));
  const plugged = new Set(CORDS.flatMap((cord) => [cord.from.join(), cord.to.join()]));
  return (
    <svg class={lit ? "patch patch-lit" : "patch"} viewBox="0 0 520 500" preserveAspectRatio="xMidYMid slice" aria-hidden="true" focusable="false">
      {jacks.map(({ column, row }) => {
        const own = column === OWN.column && row === OWN.row;
        return (
          <g key={`${column}-${row}`} class={own ? "patch-jack patch-own" : plugged.has(`${column},${row}`) ? "patch-jack patch-plugged" : "patch-jack"}>
            <circle cx={x(column)} cy={y(row)} r="13" />
            <circle class="patch-hole" cx={x(column)} cy={y(row)} r="5.500" />
            {!own && <rect x={x(column) - 20} y={y(row) + 22} width="40" height="9" rx="2" />}
          </g>
        );
      })}
      {CORDS.map((cord) => (
        <path key={cord.colour} class={`patch-cord cord-line-${cord.colour}`} d={hang(cord.from, cord.to)} />
      ))}
      <path class="patch-cord patch-cord-own" pathLength={1} d={`M${x(OWN.column)} ${y(OWN.row)}C${x(OWN.column)} ${y(OWN.row) + 150} ${x(5)} ${y(4) - 70} 540 ${y(4) + 6}`} />
      <circle class="patch-lamp-glow" cx={x(OWN.column)} cy={y(OWN.row)} r="30" />
      <circle class="patch-lamp" cx={x(OWN.column)} cy={y(OWN.row)} r="6.500" />
      <g class="patch-label">
        <rect x={x(OWN.column) - 66} y={y(OWN.row) - 52} width="132" height="27" rx="4" />
        <text x={x(OWN.column)} y={y(OWN.row) - 33.500} text-anchor="middle">
          {lit ? ([...label].length > 14 ? `${[...label].slice(0, 13).join("")}…` : label) : "your name"}
        </text>
      </g>
    </svg>
  );
}
