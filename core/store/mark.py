"""What changes whenever the journal says something new, but for figures kept every second."""

MARK = """SELECT
    (SELECT MAX(id) FROM events) AS event,
    (SELECT MAX(id) FROM commands) AS asked,
    (SELECT COUNT(*) FROM commands WHERE done IS NULL) AS waiting,
    (SELECT json_group_array(json_array(best, verdict, planned, deadline, expected, note))
        FROM tasks) AS tasks,
    (SELECT json_group_array(json_array(progress, detail, ended)) FROM
        (SELECT progress, detail, ended FROM phases ORDER BY rowid DESC LIMIT 8)) AS phases"""
"""Everything has an event, but some columns of a task, commands, and the progress of the phases,
of which those entered last are the ones at work.
"""
