// What a person would see of an event: its words, and the warning that their client puts beside them.
//
// The sdk decrypts by itself, and again when a key comes late. We ask it for nothing that a client on a screen does not
// ask for, or the tests would be content with what people never see.
import { EventShieldColour, EventShieldReason, DecryptionFailureCode } from "matrix-js-sdk/lib/crypto-api/index.js";
import { until } from "./until.mjs";

const COLOURS = { [EventShieldColour.NONE]: "NONE", [EventShieldColour.GREY]: "GREY", [EventShieldColour.RED]: "RED" };
const SETTLED = 1000; // ms without a change after which bad news is believed, once all questions about keys are answered
const NO_KEY_YET = new Set([
    DecryptionFailureCode.MEGOLM_UNKNOWN_INBOUND_SESSION_ID,
    DecryptionFailureCode.OLM_UNKNOWN_MESSAGE_INDEX,
]);

export class Sight {
    #client;
    #quiet;

    // `quiet` tells whether no question about keys and devices is on its way.
    constructor(client, quiet) {
        this.#client = client;
        this.#quiet = quiet;
    }

    // Waits for the event, up to `patience` seconds, and then: tells good news at once, bad news once it is settled, and
    // that the key is missing only when it is `late` seconds behind.
    async see(room, id, patience, late) {
        const event = await until(patience, `${id} in ${room}`, () => this.#client.getRoom(room)?.findEventById(id));
        const end = Date.now() + late * 1000;
        let before;
        let since;
        return await until(patience + late, `${id} being decrypted`, async () => {
            if (event.isBeingDecrypted()) return null;
            const seen = await this.#describe(event);
            if (!seen.encrypted || seen.redacted || seen.shield === "NONE") return seen;
            const now = JSON.stringify(seen);
            if (now !== before || !this.#quiet()) [before, since] = [now, Date.now()];
            if (NO_KEY_YET.has(seen.failure)) return Date.now() >= end ? seen : null;
            return Date.now() - since > SETTLED ? seen : null;
        });
    }

    // The first event of the room whose body holds `words`.
    async find(room, words, patience) {
        const event = await until(patience, `"${words}" in ${room}`, () => {
            const events = this.#client.getRoom(room)?.getLiveTimeline().getEvents() ?? [];
            return events.find((one) => !one.isBeingDecrypted() && String(one.getContent().body ?? "").includes(words));
        });
        return await this.see(room, event.getId(), patience, 0);
    }

    async #describe(event) {
        const info = event.isRedacted() ? null : await this.#client.getCrypto().getEncryptionInfoForEvent(event);
        return {
            event: event.getId(),
            sender: event.getSender(),
            name: event.sender?.name ?? null,
            kind: event.getType(),
            content: event.getContent(),
            encrypted: event.isEncrypted(),
            failure: event.decryptionFailureReason,
            shield: info && COLOURS[info.shieldColour],
            reason: info?.shieldReason == null ? null : EventShieldReason[info.shieldReason],
            relation: event.getWireContent()["m.relates_to"] ?? null,
            edited: event.replacingEvent() !== null,
            redacted: event.isRedacted(),
            reactions: this.#reactions(event),
        };
    }

    #reactions(event) {
        const room = this.#client.getRoom(event.getRoomId());
        const found = room.relations.getChildEventsForEvent(event.getId(), "m.annotation", "m.reaction");
        const told = {};
        for (const [key, events] of found?.getSortedAnnotationsByKey() ?? []) {
            told[key] = [...events].map((one) => one.getSender());
        }
        return told;
    }
}
