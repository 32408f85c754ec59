#!/usr/bin/env node
import { processIo } from '../src/cli/process-io.ts';
import { main } from '../src/cli/ue-listen.ts';

process.exitCode = await main(process.argv.slice(2), processIo('ue-listen'));
