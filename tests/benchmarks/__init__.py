"""How fast, in pairs: each row times this project and a peer by turns, in one run, and compares the medians.

    make bench                 all rows
    make bench ROWS="help"     the rows whose names contain one of these words

The results are written to `figures.json` beside this file, from which the page *Performance* is made.
"""
