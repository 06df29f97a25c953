// Waiting, for everything that only a sync brings.
import { setTimeout as sleep } from "node:timers/promises";

// What `look` returns once it is anything, asked again and again, the last time after `seconds`; then an Error says what
// was awaited.
export async function until(seconds, what, look) {
    const end = Date.now() + seconds * 1000;
    for (;;) {
        const last = Date.now() >= end;
        const found = await look();
        if (found) return found;
        if (last) throw new Error(`waited ${seconds} s in vain for ${what}`);
        await sleep(25);
    }
}
