// The start of the app: fonts and styles, the theme before the first paint, then the page.
import "@fontsource-variable/instrument-sans";
import "./styles/tokens.css";
import "./styles/base.css";
import "./styles/controls.css";
import "./styles/welcome.css";
import "./styles/shell.css";
import "./styles/room.css";
import "./styles/messages.css";
import "./styles/dialogs.css";
import { render } from "preact";
import { app } from "./app";
import { startTheme } from "./theme";
import { Page } from "./ui/Page";

startTheme();
app.start();
const root = document.getElementById("app");
if (root) render(<Page />, root);
