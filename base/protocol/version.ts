// The newest version of the rules that this build executes (ARCHITECTURE, "Versions").

/** A chain's own version is in its state; a build replays all versions up to this one. */
export const PROTOCOL_VERSION = 1
