// One sound at a time: whoever begins to play pauses what played before.

let current = null;

/** `player` has a method pause(). */
export function begins(player) {
  if (current !== player) current?.pause();
  current = player;
}
