// A road from the browser to the server that can be cut: a proxy on this machine.
import { createServer, request } from "node:http";

/** Opens it to the origin of a URL. Any other origin is refused. */
export async function road(url) {
  const { host } = new URL(url);
  const sockets = new Set();
  let isCut = false;
  const server = createServer((asked, answer) => {
    const to = new URL(asked.url);
    if (isCut || to.host !== host) return asked.socket.destroy();
    const on = request(to, { method: asked.method, headers: asked.headers }, (answered) => {
      answer.writeHead(answered.statusCode, answered.headers);
      answered.pipe(answer);
      answered.on("error", () => answer.destroy());
    });
    on.on("error", () => answer.destroy());
    answer.on("close", () => on.destroy());
    asked.pipe(on);
    return undefined;
  });
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    if (isCut) socket.destroy();
  });
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  return {
    port: server.address().port,
    cut() {
      isCut = true;
      for (const socket of sockets) socket.destroy();
    },
    mend() {
      isCut = false;
    },
    end() {
      this.cut();
      server.close();
    },
  };
}
