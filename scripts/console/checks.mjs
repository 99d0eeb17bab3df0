// Checks, one line each.

/** Runs checks one after the other; a check that fails doesn't stop those behind it. */
export function checks() {
  let passed = 0;
  let failed = 0;
  return {
    async check(name, body) {
      const begun = performance.now();
      try {
        const said = await body();
        passed += 1;
        console.log(`ok      ${name}${said ? `: ${said}` : ""} (${Math.round(performance.now() - begun)} ms)`);
      } catch (error) {
        failed += 1;
        console.log(`FAILED  ${name}: ${error.message}`);
      }
    },
    /** Prints the counts, and gives the exit code. */
    end() {
      console.log(`${passed} checks passed, ${failed} failed`);
      return failed === 0 && passed > 0 ? 0 : 1;
    },
  };
}

/** Waits until `body` gives something that is true, and gives that. */
export async function until(what, body, seconds = 15) {
  const end = Date.now() + seconds * 1000;
  let last = null;
  while (Date.now() < end) {
    try {
      last = null;
      const given = await body();
      if (given) return given;
    } catch (error) {
      last = error;
    }
    await new Promise((done) => setTimeout(done, 100));
  }
  throw new Error(`after ${seconds} s there is no ${what}${last ? `: ${last.message}` : ""}`);
}

/** Two values that must be equal. */
export function equal(what, given, expected) {
  if (given === expected) return;
  throw new Error(`${what}: expected ${JSON.stringify(expected)}, found ${JSON.stringify(given)}`);
}
