// node tools/cucumber-html.mjs MESSAGES.ndjson REPORT.html: what the Cucumber HTML formatter makes of a run.
import { createReadStream, createWriteStream } from 'node:fs'
import { createInterface } from 'node:readline'
import { CucumberHtmlStream } from '@cucumber/html-formatter'

const [, , from, to] = process.argv
const formatter = new CucumberHtmlStream()
formatter.pipe(createWriteStream(to))
for await (const line of createInterface({ input: createReadStream(from) })) formatter.write(JSON.parse(line))
formatter.end()
