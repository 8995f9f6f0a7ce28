import { connect, createServer } from "node:net";

/** A bare TCP relay in Node.js: what any proxy in this language costs at least. `node tcp-relay.js LISTEN-PORT TO-PORT` */
const [listen, to] = process.argv.slice(2).map(Number);

createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
  const endpoint = connect({ host: "127.0.0.1", port: to!, allowHalfOpen: true, noDelay: true });
  const end = () => {
    client.destroy();
    endpoint.destroy();
  };
  client.on("error", end).pipe(endpoint);
  endpoint.on("error", end).pipe(client);
}).listen({ host: "127.0.0.1", port: listen, backlog: 1_024 }, () => console.log("ready"));
