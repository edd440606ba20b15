import { render } from "preact";
import { Page } from "./ui/page";
import { applyTheme, readTheme } from "./ui/hooks";
import { store } from "./engine/store";
import "./css/base.css";
import "./css/shell.css";
import "./css/parts.css";
import "./css/views.css";

applyTheme(readTheme());
store.start();
render(<Page />, document.getElementById("page")!);
