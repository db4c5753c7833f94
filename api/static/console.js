// Every page reads without this. With it, times stand in the viewer's zone, charts are drawn, and what moves moves.
import { drawAll } from "./charts.js";
import { keepLive } from "./live.js";
import { localise } from "./times.js";

localise(document);
drawAll(document);
keepLive();
