// Who works on clips: this build has a server.
export * from "./server.js";
