// The app's own line icons, one stroke width, drawn on a 20-unit grid, and the logo mark: two jacks
// and the cord between them.
import type { ComponentChildren } from "preact";

function Icon({ children }: { children: ComponentChildren }) {
  return (
    <svg
      class="icon"
      viewBox="0 0 20 20"
      width="20"
      height="20"
      fill="none"
      stroke="currentColor"
      stroke-width="1.6"
      stroke-linecap="round"
      stroke-linejoin="round"
      aria-hidden="true"
      focusable="false"
    >
      {children}
    </svg>
  );
}

export const BackIcon = () => (
  <Icon>
    <path d="M12 4.5 6.5 10l5.5 5.5" />
  </Icon>
);
export const PlusIcon = () => (
  <Icon>
    <path d="M10 4.5v11M4.5 10h11" />
  </Icon>
);
export const CloseIcon = () => (
  <Icon>
    <path d="m5.5 5.5 9 9m0-9-9 9" />
  </Icon>
);
export const SendIcon = () => (
  <Icon>
    <path d="M10 15.5v-11M5.5 9 10 4.5 14.5 9" />
  </Icon>
);
export const DownIcon = () => (
  <Icon>
    <path d="M10 4.5v11M5.5 11l4.5 4.5 4.5-4.5" />
  </Icon>
);
export const EditIcon = () => (
  <Icon>
    <path d="m4 16 .8-3.4 8.4-8.4a1.6 1.6 0 0 1 2.3 0l.3.3a1.6 1.6 0 0 1 0 2.3l-8.4 8.4L4 16ZM11.8 5.6l2.6 2.6" />
  </Icon>
);
export const DeleteIcon = () => (
  <Icon>
    <path d="M4.5 6h11M8 6V4.5h4V6m2.3 0-.6 9.5H6.3L5.7 6M8.6 8.8v4M11.4 8.8v4" />
  </Icon>
);
export const CopyIcon = () => (
  <Icon>
    <path d="M7.5 7.5h8v8h-8zM12.5 7.5v-3h-8v8h3" />
  </Icon>
);
export const SearchIcon = () => (
  <Icon>
    <circle cx="9" cy="9" r="4.6" />
    <path d="m12.5 12.5 3.5 3.5" />
  </Icon>
);
export const PeopleIcon = () => (
  <Icon>
    <circle cx="7.6" cy="7" r="2.7" />
    <path d="M2.8 16c.3-3 2.2-4.6 4.8-4.6s4.5 1.6 4.8 4.600M13 4.600a2.5 2.5 0 0 1 0 4.800M14.7 12c1.5.6 2.4 2 2.6 4" />
  </Icon>
);
export const SunIcon = () => (
  <Icon>
    <circle cx="10" cy="10" r="3.2" />
    <path d="M10 2.800v1.400M10 15.800v1.400M2.8 10h1.400M15.8 10h1.400M4.9 4.900l1 1M14.1 14.100l1 1M4.9 15.100l1-1M14.1 5.900l1-1" />
  </Icon>
);
export const MoonIcon = () => (
  <Icon>
    <path d="M16 11.800A6.5 6.5 0 0 1 8.2 4a6.5 6.5 0 1 0 7.8 7.800Z" />
  </Icon>
);
export const KeyboardIcon = () => (
  <Icon>
    <rect x="2.5" y="5" width="15" height="10" rx="2" />
    <path d="M5.5 8.200h.01M8.5 8.200h.01M11.5 8.200h.01M14.5 8.200h.01M7 11.800h6" />
  </Icon>
);
export const AlertIcon = () => (
  <Icon>
    <circle cx="10" cy="10" r="7" />
    <path d="M10 6.500v4M10 13.400h.01" />
  </Icon>
);

export function LogoMark({ size = 28 }: { size?: number }) {
  return (
    <svg
      class="logo-mark"
      viewBox="0 0 32 32"
      width={size}
      height={size}
      fill="none"
      stroke-width="2.6"
      aria-hidden="true"
      focusable="false"
    >
      <circle class="logo-jack" cx="8" cy="8" r="4.7" />
      <circle class="logo-jack" cx="24" cy="24" r="4.7" />
      <path class="logo-cord" d="M8 8C8 27 24 5 24 24" stroke-linecap="round" />
    </svg>
  );
}
