"""The other judge: a process that reads histories as JSON lines and answers each step with one."""

import json
import subprocess
import threading


class Died(Exception):
    """It ended, or answered what cannot be read."""


class Driver:
    """Started again after every death."""

    def __init__(self, command, names=None):
        self.command, self.process = command, None
        self.names = names or {}

    def begin(self, header):
        """A history whose steps are given one by one."""
        if self.process is None or self.process.poll() is not None:
            self._start()
        self._write(json.dumps(header) + "\n")

    def answer(self, line):
        """The answer to one more step; raises `Died`."""
        self._write(json.dumps(line) + "\n")
        found = self.process.stdout.readline()
        if not found:
            self.close()
            raise Died(f"at {line}")
        return self._named(json.loads(found))

    def _start(self):
        self.process = subprocess.Popen(self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1 << 16)

    def answers(self, lines):
        """The answers to one history; raises `Died`."""
        if self.process is None or self.process.poll() is not None:
            self._start()
        text = "".join(json.dumps(line) + "\n" for line in lines)
        writer = threading.Thread(target=self._write, args=(text,))
        writer.start()
        found = []
        try:
            for _ in lines[1:]:
                line = self.process.stdout.readline()
                if not line:
                    raise Died(f"after {len(found)} answers")
                found.append(self._named(json.loads(line)))
        except (ValueError, OSError) as error:
            raise Died(str(error)) from error
        except Died:
            self.close()
            raise
        finally:
            writer.join()
        return found

    def _write(self, text):
        try:
            self.process.stdin.write(text)
            self.process.stdin.flush()
        except (OSError, ValueError):
            # It died; the reader says so.
            return

    def _named(self, answer):
        """Rules that the contract leaves without a name, as this judge calls them."""
        for alarm in answer.get("alarms", []):
            alarm["rule"] = self.names.get(alarm["rule"], alarm["rule"])
        for key in ("announced", "closed", "told_over", "reminded"):
            for item in answer.get(key, []):
                item[1] = self.names.get(item[1], item[1])
        return answer

    def close(self):
        """Ends the process."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            for pipe in (self.process.stdin, self.process.stdout):
                try:
                    pipe.close()
                except OSError:
                    continue
            self.process = None
