// Ends a test process that has nothing left to do. Node 20 frees its environment then, and now and then waits for ever, at full
// speed, for something of its own (nodejs/node#47748). What a test has left open still keeps the process: this is not reached.
process.on('beforeExit', () => process.exit())
