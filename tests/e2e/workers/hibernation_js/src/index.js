// A chat: who joins says who he is, and everybody hears what anybody says.
import { DurableObject } from "cloudflare:workers";

export class Room extends DurableObject {
  constructor(ctx, env) {
    super(ctx, env);
    ctx.setWebSocketAutoResponse(new WebSocketRequestResponsePair("ping", "pong"));
  }

  fetch(request) {
    const [client, server] = new WebSocketPair();
    const name = new URL(request.url).searchParams.get("name");
    server.serializeAttachment({ name, joined: new Date(0) });
    this.ctx.acceptWebSocket(server, [name, "all", "all"]);
    this.tell(`${name} joined`);
    return new Response(null, { status: 101, webSocket: client });
  }

  async webSocketMessage(ws, message) {
    const { name, joined } = ws.deserializeAttachment();
    if (joined.getTime() !== 0) throw new Error("the attachment is another");
    const said = (await this.ctx.storage.get("said")) ?? 0;
    await this.ctx.storage.put("said", said + 1);
    this.tell(`${name}: ${message}`);
  }

  webSocketClose(ws, code, reason) {
    ws.close(code, reason);
    this.tell(`${this.ctx.getTags(ws)[0]} left`, ws);
  }

  tell(text, but) {
    for (const socket of this.ctx.getWebSockets("all")) if (socket !== but) socket.send(text);
  }
}

export default {
  async fetch(request, env) {
    return env.ROOMS.getByName("chat").fetch(request);
  },
};
