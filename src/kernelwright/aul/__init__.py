"""AUL, the design language: syntax, parser, checker, NumPy interpreter, printer.

``parse(text)``, ``print_program(program)``, ``check(program)``, ``interpret(program, arrays)``.
"""
