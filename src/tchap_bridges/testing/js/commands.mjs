// What a person can have their client do. Every public method is a command; what it returns can be written as JSON.
import { decryptAttachment, encryptAttachment } from "matrix-encrypt-attachment";
import { createClient } from "matrix-js-sdk";
import * as api from "matrix-js-sdk/lib/crypto-api/index.js";
import { PollEndEvent } from "matrix-js-sdk/lib/extensible_events_v1/PollEndEvent.js";
import { PollResponseEvent } from "matrix-js-sdk/lib/extensible_events_v1/PollResponseEvent.js";
import { PollStartEvent } from "matrix-js-sdk/lib/extensible_events_v1/PollStartEvent.js";
import { logger } from "matrix-js-sdk/lib/logger.js";
import { Sight } from "./sight.mjs";
import { until } from "./until.mjs";

const DISCLOSED = "org.matrix.msc3381.poll.disclosed";
const PATIENCE = 30; // seconds for what only needs a sync

logger.setLevel("warn");

export class Agent {
    #homeserver;
    #client;
    #crypto;
    #sight;
    #seedsKey;
    #asking = 0; // requests about keys and devices that are on their way

    constructor(homeserver) {
        this.#homeserver = homeserver;
    }

    // ---- the session

    async start({ user, password, device }) {
        const found = await createClient({ baseUrl: this.#homeserver }).loginRequest({
            type: "m.login.password",
            identifier: { type: "m.id.user", user },
            password,
            device_id: device ?? undefined,
        });
        this.#client = createClient({
            baseUrl: this.#homeserver,
            fetchFn: (resource, options) => this.#fetch(resource, options),
            userId: found.user_id,
            deviceId: found.device_id,
            accessToken: found.access_token,
            cryptoCallbacks: { getSecretStorageKey: async ({ keys }) => [Object.keys(keys)[0], this.#seedsKey] },
        });
        await this.#client.initRustCrypto({ useIndexedDB: false }); // keys in memory: a new process is a new device
        this.#crypto = this.#client.getCrypto();
        this.#sight = new Sight(this.#client, () => this.#asking === 0);
        await this.#client.startClient({ initialSyncLimit: 500 });
        await until(PATIENCE, "the first sync", () => this.#client.getSyncState() === "SYNCING");
        return { user: found.user_id, device: found.device_id, token: found.access_token };
    }

    async #fetch(resource, options) {
        const keys = String(resource).includes("/_matrix/client/v3/keys/");
        this.#asking += keys;
        try {
            return await fetch(resource, options);
        } finally {
            this.#asking -= keys;
        }
    }

    // Make a new identity for the account, sign this device with it, and keep its seeds on the server. Returns the key to
    // them, which a person writes down.
    async crossSign({ password }) {
        const identifier = { type: "m.id.user", user: this.#client.getUserId() };
        await this.#client.secretStorage.setDefaultKeyId(null); // what is kept there is sealed with a key that is gone
        // The sdk forgets the new seeds when an answer about the account's former identity overtakes their upload, as it
        // may while our own new device is still news.
        const silence = () => until(PATIENCE, "silence about keys", () => this.#asking === 0);
        for (let tries = 3; tries > 0 && !(await this.#crypto.isCrossSigningReady()); tries--) {
            await silence();
            await this.#crypto.bootstrapCrossSigning({
                setupNewCrossSigning: true,
                authUploadDeviceSigningKeys: (upload) => upload({ type: "m.login.password", identifier, password }),
            });
            await silence();
        }
        await this.#isSigned();
        const recovery = await this.#crypto.createRecoveryKeyFromPassphrase();
        this.#seedsKey = recovery.privateKey;
        await this.#crypto.bootstrapSecretStorage({
            createSecretStorageKey: async () => recovery,
            setupNewSecretStorage: true,
        });
        return recovery.encodedPrivateKey;
    }

    // Sign this device with the identity that the account has, by the key that `crossSign` returned.
    async recover({ recovery }) {
        this.#seedsKey = api.decodeRecoveryKey(recovery);
        await this.identity({ user: this.#client.getUserId() }); // it takes no seeds before it knows whose they are
        await this.#crypto.bootstrapCrossSigning({});
        await this.#isSigned();
    }

    async #isSigned() {
        if (!(await this.#crypto.isCrossSigningReady())) throw new Error("this device was not signed");
    }

    // MSC4153: whether devices that their owner did not sign are left out, in sending and in reading.
    isolate({ signedOnly }) {
        this.#crypto.setDeviceIsolationMode(
            signedOnly ? new api.OnlySignedDevicesIsolationMode() : new api.AllDevicesIsolationMode(false),
        );
    }

    async discardSession({ room }) {
        await this.#crypto.forceDiscardSession(room);
    }

    async devices({ user }) {
        const found = (await this.#crypto.getUserDeviceInfo([user], true)).get(user) ?? new Map();
        const told = {};
        for (const [id, device] of found) {
            const status = await this.#crypto.getDeviceVerificationStatus(user, id);
            told[id] = {
                name: device.displayName ?? null,
                signed: status.signedByOwner,
                verified: status.isVerified(),
            };
        }
        return told;
    }

    async identity({ user }) {
        const known = await this.#crypto.userHasCrossSigningKeys(user, true);
        const status = await this.#crypto.getUserVerificationStatus(user);
        return { known, verified: status.isVerified(), changed: status.needsUserApproval };
    }

    // ---- rooms

    async createRoom({ options }) {
        return (await this.#client.createRoom(options)).room_id;
    }

    async join({ room }) {
        return (await this.#client.joinRoom(room)).roomId;
    }

    async invite({ room, user }) {
        await this.#client.invite(room, user);
    }

    async kick({ room, user, reason }) {
        await this.#client.kick(room, user, reason);
    }

    async leave({ room }) {
        await this.#client.leave(room);
    }

    async setState({ room, kind, content, key }) {
        return (await this.#client.sendStateEvent(room, kind, content, key)).event_id;
    }

    async waitForMember({ room, user, membership }) {
        await until(PATIENCE, `${user} to be ${membership} in ${room}`, () => {
            return this.#client.getRoom(room)?.getMember(user)?.membership === membership;
        });
    }

    // A client learns from its sync that it is in a room, and that the room is encrypted; people cannot write sooner.
    async #enter(room) {
        await until(PATIENCE, `being in ${room}`, () => this.#client.getRoom(room)?.getMyMembership() === "join");
    }

    // ---- what it writes

    async send({ room, kind, content }) {
        await this.#enter(room);
        return (await this.#client.sendEvent(room, kind, content)).event_id;
    }

    async redact({ room, event, reason }) {
        await this.#enter(room);
        return (await this.#client.redactEvent(room, event, undefined, { reason })).event_id;
    }

    async startPoll({ room, question, answers }) {
        const poll = PollStartEvent.from(question, answers, DISCLOSED);
        const { type, content } = poll.serialize();
        const event = await this.send({ room, kind: type, content });
        return { event, answers: poll.answers.map((answer) => answer.id) };
    }

    async vote({ room, poll, answers }) {
        const { type, content } = PollResponseEvent.from(answers, poll).serialize();
        return await this.send({ room, kind: type, content });
    }

    async endPoll({ room, poll, words }) {
        const { type, content } = PollEndEvent.from(poll, words).serialize();
        return await this.send({ room, kind: type, content });
    }

    // `content` is that of the event, but for where the bytes are: `file` in an encrypted room, `url` in another.
    async sendFile({ room, content, base64 }) {
        await this.#enter(room);
        const bytes = Buffer.from(base64, "base64");
        if (await this.#crypto.isEncryptionEnabledInRoom(room)) {
            const { data, info } = await encryptAttachment(bytes);
            const url = await this.#upload(data, "application/octet-stream");
            return await this.send({ room, kind: "m.room.message", content: { ...content, file: { ...info, url } } });
        }
        const url = await this.#upload(bytes, content.info.mimetype, content.filename);
        return await this.send({ room, kind: "m.room.message", content: { ...content, url } });
    }

    async #upload(bytes, type, name) {
        return (await this.#client.uploadContent(bytes, { type, name, includeFilename: !!name })).content_uri;
    }

    async typing({ room, on }) {
        await this.#enter(room);
        await this.#client.sendTyping(room, on, 30_000);
    }

    // ---- what it sees

    async see({ room, event, patience, late }) {
        return await this.#sight.see(room, event, patience, late);
    }

    async waitForText({ room, words, patience }) {
        return await this.#sight.find(room, words, patience);
    }

    whoTypes({ room }) {
        const members = this.#client.getRoom(room)?.getMembers() ?? [];
        return members.filter((member) => member.typing).map((member) => member.userId);
    }

    // The bytes of the file that an event shows, decrypted; the hash is checked.
    async download({ room, event, patience, late }) {
        const { content } = await this.#sight.see(room, event, patience, late);
        const mxc = content.file?.url ?? content.url;
        if (!mxc) throw new Error(`no file in ${event}: ${JSON.stringify(content)}`);
        const url = this.#client.mxcUrlToHttp(mxc, undefined, undefined, undefined, false, true, true);
        const answer = await fetch(url, { headers: { Authorization: `Bearer ${this.#client.getAccessToken()}` } });
        if (!answer.ok) throw new Error(`${answer.status} for ${mxc}: ${await answer.text()}`);
        const bytes = await answer.arrayBuffer();
        return Buffer.from(content.file ? await decryptAttachment(bytes, content.file) : bytes).toString("base64");
    }
}
