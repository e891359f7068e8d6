// Runs tests of the suite against a cache and writes what came of each: run.mjs SUITE BASE_URL RESULT_FILE [TEST_ID...]
// With ids, only those are run and their results replace the ones in the file.
import fs from 'node:fs'
import path from 'node:path'
import { pathToFileURL } from 'node:url'

const [suite, baseUrl, resultFile, ...ids] = process.argv.slice(2)
const from = name => import(pathToFileURL(path.join(suite, name)))
const isCurrent = fs.existsSync(path.join(suite, 'test-engine')) // the edition after the one on npm
const { runTests, getResults } = await from(isCurrent ? 'test-engine/client/runner.mjs' : 'client/runner.mjs')
const groups = [...(await from('tests/index.mjs')).default]
if (!isCurrent) groups.push((await from('tests/surrogate-control.mjs')).default)

const chosen = groups.map(group => ({ ...group, tests: group.tests.filter(test => ids.length === 0 || ids.includes(test.id)) }))
if (isCurrent) {
  await runTests(chosen.filter(group => group.tests.length > 0), false, baseUrl)
} else {
  const { default: fetch } = await import(pathToFileURL(path.join(suite, '../node-fetch/lib/index.mjs')))
  await runTests(chosen, fetch, false, baseUrl, 50)
}

const earlier = ids.length === 0 ? {} : JSON.parse(fs.readFileSync(resultFile, 'utf8'))
fs.writeFileSync(resultFile, JSON.stringify({ ...earlier, ...getResults() }, null, 2) + '\n')
process.exit()
