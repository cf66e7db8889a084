#!/usr/bin/env node
// Starts the `suanli` program. The entry point itself is cli/main.ts.
import '../cli/main.ts'
