"""The report of a task in Markdown, to be handed to somebody who was not there."""

from core.export.report.whole import report as report
