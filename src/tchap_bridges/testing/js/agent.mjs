// An agent's client, told what to do by JSON: `node agent.mjs PORT HOMESERVER`. Its driver is testing/js_agent.py.
//
// One connection to the loopback port is one command: {"command", …its arguments} and the end of the stream come in,
// {"ok": answer} or {"error": {"message", "status", "errcode"}} goes out. What the sdk logs is on our own output.
import net from "node:net";
import { text } from "node:stream/consumers";
import { Agent } from "./commands.mjs";

const [port, homeserver] = process.argv.slice(2);
const agent = new Agent(homeserver);

async function answer(request) {
    try {
        const { command, ...more } = JSON.parse(request);
        return { ok: (await agent[command](more)) ?? null };
    } catch (error) {
        console.error(error);
        const message = error.data?.error ?? String(error.message);
        return { error: { message, status: error.httpStatus, errcode: error.errcode } };
    }
}

// As in a browser, where a promise of the sdk that fails while the homeserver is away stops nobody.
process.on("unhandledRejection", (error) => console.error(error));

net.createServer({ allowHalfOpen: true }, async (connection) => {
    connection.on("error", (error) => console.error(error)); // the driver was cancelled while it waited
    connection.end(JSON.stringify(await answer(await text(connection))));
}).listen(Number(port), "127.0.0.1");
