#!/bin/bash
# A sweep as a job array of SLURM: `sbatch examples/slurm_sweep.sh`. Each job trains one run of the
# sweep, and one that is preempted or runs out of time goes on when it is started again.
#SBATCH --job-name=sweep
#SBATCH --array=1-10
#SBATCH --time=04:00:00
#SBATCH --signal=B:TERM@120
#SBATCH --requeue
#SBATCH --open-mode=append

sweep=(minimax-eqx sweep maze-accel --seeds 1..5 --num-edits 5,20)

# As many jobs as there are runs: `minimax-eqx sweep ... --list-points` numbers them.
"${sweep[@]}" --point "$SLURM_ARRAY_TASK_ID" &
child=$!
# What the batch script gets before its time is over, the run gets: it saves, and exits with 75.
trap 'kill -TERM "$child"' TERM
# A signal ends a wait before the run has ended.
while kill -0 "$child" 2>/dev/null; do
    wait "$child"
done
wait "$child"
status=$?
if [[ $status -eq 75 ]]; then
    scontrol requeue "${SLURM_ARRAY_JOB_ID}_${SLURM_ARRAY_TASK_ID}"
fi
exit "$status"
