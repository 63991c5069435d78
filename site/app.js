// The site's page. It takes the place of the application's script of that name, as `api.js` does: no server, one page.

import "./player_bar.js";
import "./listen.js";
import { loaded } from "./api.js";
import { dropping } from "./drop.js";
import { songs } from "./songs.js";

dropping(document.getElementById("drop"), (files) => songs.add(files));

// only now, so that what keeps the folder does not take the network from what the first song waits for
await loaded;
if ("serviceWorker" in navigator) navigator.serviceWorker.register("sw.js").catch(() => {}); // it works without, online
