"""Nine methods on 13 x 13 mazes, compared at equal transitions, with error bars."""
