#!/usr/bin/env node
// Where the `suanli` program has always been started from. The entry itself is cli/main.ts.
import '../cli/main.ts'
